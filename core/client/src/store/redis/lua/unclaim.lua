-- 3 and more: avatars. Deletes what stores that are gone have claimed.
local gone = fenced()
if gone then return gone end
for index = 3, #ARGV do
  local A = at(ARGV[index])
  local openings = call('HGETALL', A .. 'openings')
  for pair = 1, #openings, 2 do
    local is_open = false
    for owner in string.gmatch(openings[pair + 1], '%S+') do
      is_open = is_open or alive(owner)
    end
    if not is_open then
      call('HDEL', A .. 'openings', openings[pair])
      call('HDEL', A .. 'claims', openings[pair])
    end
  end
end
return 1
