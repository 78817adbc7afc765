-- The avatars of whom there is something.
local out = {}
for _, name in ipairs(call('SMEMBERS', P .. 'avatars')) do
  local A = at(name)
  if call('EXISTS', A .. 'saved', A .. 'order', A .. 'notes', A .. 'openings') > 0 then out[#out + 1] = name end
end
return out
