-- 3 the avatar, 4 the time, 5 how many of the changes write something, then changes of four: the kind; the visitor;
-- the message's id, or whether this store has claimed the visitor; the text.
local gone = fenced()
if gone then return gone end
local A, now = at(ARGV[3]), ARGV[4]
local writes = tonumber(ARGV[5])
local number = 0
if writes > 0 then
  -- Fails before anything is changed where there is no memory left.
  number = call('INCRBY', P .. 'seq', writes) - writes
  call('SADD', P .. 'avatars', ARGV[3])
end
for index = 6, #ARGV, 4 do
  local kind, visitor, what, text = ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]
  if kind == 'record' then
    number = number + 1
    local owner = call('HGET', A .. 'claims', visitor)
    local lost = what == '1' and owner ~= me
    if not lost and not other(owner) then
      call('HSET', A .. 'records', visitor, now .. ' ' .. text)
      call('ZADD', A .. 'saved', number, visitor)
      call('ZADD', A .. 'touched', now, visitor)
    end
  else
    local stored = call('HGET', A .. 'messages:' .. visitor, what)
    local place, _, owner = nil, nil, nil
    if stored then place, _, owner = message(stored) end
    if kind == 'message' then
      number = number + 1
      if not other(owner) then
        place = place or number
        call('HSET', A .. 'messages:' .. visitor, what, place .. ' ' .. now .. ' ' .. me .. ' ' .. text)
        call('ZADD', A .. 'order', place, visitor .. ' ' .. what)
        call('ZADD', A .. 'touched', now, visitor)
      end
    elseif not other(owner) then
      call('HDEL', A .. 'messages:' .. visitor, what)
      call('ZREM', A .. 'order', visitor .. ' ' .. what)
    end
  end
end
return 1
