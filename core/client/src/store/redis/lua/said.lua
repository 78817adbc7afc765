-- 3 the number of avatars, these, then visitors. Visitor and text of each of their messages.
local out, names = {}, tonumber(ARGV[3])
for index = 4 + names, #ARGV do
  for name = 4, 3 + names do
    for _, value in ipairs(call('HVALS', at(ARGV[name]) .. 'messages:' .. ARGV[index])) do
      local _, _, _, text = message(value)
      out[#out + 1], out[#out + 2] = ARGV[index], text
    end
  end
end
return out
