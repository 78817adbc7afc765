-- 3 the visitor, then the avatars. Whether another store uses the visitor: then nothing is deleted.
local gone = fenced()
if gone then return gone end
for index = 4, #ARGV do
  if used_elsewhere(at(ARGV[index]), ARGV[3]) then return 1 end
end
for index = 4, #ARGV do
  forget(ARGV[index], ARGV[3])
end
return 0
