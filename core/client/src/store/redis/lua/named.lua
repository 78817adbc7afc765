-- 3 the avatar. Two lists: visitor and text of each message, the newest first; and visitor, key, text and place of the
-- newest note of each visitor of whom there is nothing else.
local A, messages, notes = at(ARGV[3]), {}, {}
for _, member in ipairs(call('ZREVRANGE', A .. 'order', 0, -1)) do
  local visitor, id = string.match(member, '^(%S+) (.*)$')
  local _, _, _, text = message(call('HGET', A .. 'messages:' .. visitor, id))
  messages[#messages + 1], messages[#messages + 2] = visitor, text
end
for _, visitor in ipairs(call('SMEMBERS', A .. 'noted')) do
  if call('HEXISTS', A .. 'records', visitor) == 0 and call('EXISTS', A .. 'messages:' .. visitor) == 0 then
    local values = call('HGETALL', A .. 'notes:' .. visitor)
    local newest, key, words = -1, nil, nil
    for index = 1, #values, 2 do
      local place, _, _, text = note(values[index + 1])
      if tonumber(place) > newest then newest, key, words = tonumber(place), values[index], text end
    end
    if key then
      local last = #notes
      notes[last + 1], notes[last + 2], notes[last + 3], notes[last + 4] = visitor, key, words, tostring(newest)
    end
  end
end
return { messages, notes }
