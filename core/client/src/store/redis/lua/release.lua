-- 3 the avatar, then visitors.
local A = at(ARGV[3])
for index = 4, #ARGV do
  local visitor, owners = ARGV[index], nil
  call('SREM', A .. 'guests:' .. visitor, me)
  for owner in string.gmatch(call('HGET', A .. 'openings', visitor) or '', '%S+') do
    if other(owner) then owners = (owners and owners .. ' ' or '') .. owner end
  end
  if owners then
    call('HSET', A .. 'openings', visitor, owners)
  else
    call('HDEL', A .. 'openings', visitor)
  end
  if call('HGET', A .. 'claims', visitor) == me then
    call('HDEL', A .. 'claims', visitor)
    call('HDEL', A .. 'homes', visitor)
  end
end
return 1
