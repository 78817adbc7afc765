-- 3 the avatar, 4 the prefix, 5 the time. Place, visitor, key and text of each note that has not expired.
local A, prefix, now, out = at(ARGV[3]), ARGV[4], tonumber(ARGV[5]), {}
local from, to = '[' .. prefix, '(' .. prefix .. '\255'
if prefix == '' then from, to = '-', '+' end
for _, member in ipairs(call('ZRANGEBYLEX', A .. 'notes', from, to)) do
  local key, visitor = string.match(member, '^(.*)%z([^%z]*)$')
  local place, _, expires, text = note(call('HGET', A .. 'notes:' .. visitor, key))
  if expires == '0' or tonumber(expires) > now then
    local last = #out
    out[last + 1], out[last + 2], out[last + 3], out[last + 4] = place, visitor, key, text
  end
end
return out
