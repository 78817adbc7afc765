-- 3 the avatar, then visitors. For each: whether there is a record.
local gone = fenced()
if gone then return gone end
local A, out = at(ARGV[3]), {}
call('SADD', P .. 'avatars', ARGV[3])
for index = 4, #ARGV do
  open(A, ARGV[index])
  out[#out + 1] = call('HEXISTS', A .. 'records', ARGV[index])
end
return out
