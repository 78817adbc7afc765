-- 3 the avatar. The messages of this store and of those that are gone, in their order: visitor, id, owner, text. Those of
-- a visitor whom another store has are that one's.
local gone = fenced()
if gone then return gone end
local A, out = at(ARGV[3]), {}
for _, member in ipairs(call('ZRANGE', A .. 'order', 0, -1)) do
  local visitor, id = string.match(member, '^(%S+) (.*)$')
  local _, _, owner, text = message(call('HGET', A .. 'messages:' .. visitor, id))
  if not other(owner) and not other(call('HGET', A .. 'claims', visitor)) then
    out[#out + 1], out[#out + 2], out[#out + 3], out[#out + 4] = visitor, id, owner, text
  end
end
return out
