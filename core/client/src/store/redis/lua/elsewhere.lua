-- 3 the avatar, 4 the visitor, 5 whether this store has claimed them. Whether another store has.
local A, visitor = at(ARGV[3]), ARGV[4]
local owner = call('HGET', A .. 'claims', visitor)
if other(owner) then return 1 end
if owner ~= me and ARGV[5] == '1' then
  -- Another one had the visitor, and is gone. The caller is about to connect, so the visitor is this store's again.
  local gone = fenced()
  if gone then return gone end
  open(A, visitor)
end
return 0
