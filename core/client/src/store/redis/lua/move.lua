-- 3 the avatar that was, 4 the one that is, then visitors. What is there already stays.
local gone = fenced()
if gone then return gone end
local A, B = at(ARGV[3]), at(ARGV[4])
call('SADD', P .. 'avatars', ARGV[4])
for index = 5, #ARGV do
  local visitor = ARGV[index]
  if not used_elsewhere(A, visitor) then
    local value = call('HGET', A .. 'records', visitor)
    if value and call('HSETNX', B .. 'records', visitor, value) == 1 then
      call('ZADD', B .. 'saved', call('ZSCORE', A .. 'saved', visitor), visitor)
    end
    local values = call('HGETALL', A .. 'messages:' .. visitor)
    for pair = 1, #values, 2 do
      if call('HSETNX', B .. 'messages:' .. visitor, values[pair], values[pair + 1]) == 1 then
        call('ZADD', B .. 'order', (message(values[pair + 1])), visitor .. ' ' .. values[pair])
      end
    end
    values = call('HGETALL', A .. 'notes:' .. visitor)
    for pair = 1, #values, 2 do
      local key = values[pair]
      if call('HSETNX', B .. 'notes:' .. visitor, key, values[pair + 1]) == 1 then
        local _, _, expires = note(values[pair + 1])
        call('ZADD', B .. 'notes', 0, key .. '\0' .. visitor)
        call('SADD', B .. 'noted', visitor)
        if expires ~= '0' then call('ZADD', P .. 'expiry', expires, ARGV[4] .. ' ' .. visitor .. ' ' .. key) end
      end
    end
    local touched = tonumber(call('ZSCORE', A .. 'touched', visitor) or '0')
    if touched > tonumber(call('ZSCORE', B .. 'touched', visitor) or '0') then
      call('ZADD', B .. 'touched', touched, visitor)
    end
    forget(ARGV[3], visitor)
  end
end
return 1
