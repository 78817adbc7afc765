-- 3 the avatar, 4 the call, 5 the time for expiry, 6 the time of saving, 7 how many changes may write something, then
-- changes of five: kind, visitor, key, text, expiry. For each a digit: whether it changed something.
local gone = fenced()
if gone then return gone end
local answer = P .. 'answer:' .. ARGV[4]
local answered = call('GET', answer)
if answered then return answered end
local name, A, now, saved = ARGV[3], at(ARGV[3]), tonumber(ARGV[5]), ARGV[6]
local writes, number, out = tonumber(ARGV[7]), 0, ''
if writes > 0 then
  -- Fails before anything is changed where there is no memory left.
  number = call('INCRBY', P .. 'seq', writes) - writes
  call('SADD', P .. 'avatars', name)
end
for index = 8, #ARGV, 5 do
  local kind, visitor, key = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local text, expires = ARGV[index + 3], ARGV[index + 4]
  local stored = call('HGET', A .. 'notes:' .. visitor, key)
  local place = nil
  if stored then
    local first, _, ends = note(stored)
    if ends ~= '0' and tonumber(ends) <= now then
      drop_note(name, visitor, key)
    else
      place = first
    end
  end
  local changed = '1'
  if kind == 'delete' then
    if place then drop_note(name, visitor, key) else changed = '0' end
  elseif kind == 'add' and place then
    changed = '0'
  else
    number = number + 1
    call('HSET', A .. 'notes:' .. visitor, key, (place or number) .. ' ' .. saved .. ' ' .. expires .. ' ' .. text)
    call('ZADD', A .. 'notes', 0, key .. '\0' .. visitor)
    call('SADD', A .. 'noted', visitor)
    call('ZADD', A .. 'touched', saved, visitor)
    local member = name .. ' ' .. visitor .. ' ' .. key
    if expires == '0' then call('ZREM', P .. 'expiry', member) else call('ZADD', P .. 'expiry', expires, member) end
  end
  out = out .. changed
end
if writes > 0 then call('SET', answer, out, 'PX', 60000) end
return out
