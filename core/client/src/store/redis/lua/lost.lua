-- 3 the avatar, then visitors. Those whom another store has.
local A, out = at(ARGV[3]), {}
for index = 4, #ARGV do
  local owner = call('HGET', A .. 'claims', ARGV[index])
  if other(owner) then out[#out + 1] = ARGV[index] end
end
return out
