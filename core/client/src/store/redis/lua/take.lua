-- 3 the avatar, then messages of three: visitor, id, the owner from whom it is taken. For each: whether it was taken.
local gone = fenced()
if gone then return gone end
local A, out = at(ARGV[3]), {}
for index = 4, #ARGV, 3 do
  local key, id, from = A .. 'messages:' .. ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local stored = call('HGET', key, id)
  local taken = 0
  if stored then
    local place, saved, owner, text = message(stored)
    if owner == me then
      taken = 1
    elseif owner == from and not alive(owner) then
      call('HSET', key, id, place .. ' ' .. saved .. ' ' .. me .. ' ' .. text)
      taken = 1
    end
  end
  out[#out + 1] = taken
end
return out
