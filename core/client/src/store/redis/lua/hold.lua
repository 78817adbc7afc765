-- 3 the avatar, 4 the visitor, 5 the process that calls. The owner and the process that have the visitor; or nothing, how
-- many others have the visitor open, and the visitor's messages, which are the caller's from now on: place, id, text.
local gone = fenced()
if gone then return gone end
local A, visitor = at(ARGV[3]), ARGV[4]
local owner = call('HGET', A .. 'claims', visitor)
local guests = A .. 'guests:' .. visitor
if other(owner) then
  call('SADD', guests, me)
  return { owner, call('HGET', A .. 'homes', visitor) or '' }
end
call('SADD', P .. 'avatars', ARGV[3])
open(A, visitor)
call('HSET', A .. 'homes', visitor, ARGV[5])
local waiting = 0
for _, guest in ipairs(call('SMEMBERS', guests)) do
  if other(guest) then waiting = waiting + 1 end
end
call('DEL', guests)
local out = { '', tostring(waiting) }
local stored = call('HGETALL', A .. 'messages:' .. visitor)
for pair = 1, #stored, 2 do
  local place, saved, _, text = message(stored[pair + 1])
  call('HSET', A .. 'messages:' .. visitor, stored[pair], place .. ' ' .. saved .. ' ' .. me .. ' ' .. text)
  out[#out + 1], out[#out + 2], out[#out + 3] = place, stored[pair], text
end
return out
