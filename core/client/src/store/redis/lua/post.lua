-- 3 how many letters and 4 how many bytes a process may have unread, then letters of three: the process, the owner that
-- must be alive or nothing, the text. For each: 1 delivered, 0 the process is gone, 2 no room.
local out = {}
for index = 5, #ARGV, 3 do
  local key, owner, text = P .. 'process:' .. ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local bytes = tonumber(call('GET', key .. ':bytes') or '0')
  if call('EXISTS', key .. ':alive') == 0 or owner ~= '' and not alive(owner) then
    out[#out + 1] = 0
  elseif call('XLEN', key) >= tonumber(ARGV[3]) or bytes > 0 and bytes + #text > tonumber(ARGV[4]) then
    out[#out + 1] = 2
  else
    call('XADD', key, '*', 'm', text)
    call('INCRBY', key .. ':bytes', #text)
    call('PEXPIRE', key, 60000)
    call('PEXPIRE', key .. ':bytes', 60000)
    out[#out + 1] = 1
  end
end
return out
