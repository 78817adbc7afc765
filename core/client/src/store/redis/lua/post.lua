-- 3 how many letters and 4 how many bytes a process may have unread, then letters of three: the process, the owner that
-- must be alive or nothing, the text. For each: 1 delivered, 0 the process is gone, 2 no room.
local out, processes, known = {}, {}, {}
for index = 5, #ARGV, 3 do
  local key, owner, text = P .. 'process:' .. ARGV[index], ARGV[index + 1], ARGV[index + 2]
  local to = known[key]
  if not to then
    to = { key = key, alive = call('EXISTS', key .. ':alive') == 1, letters = call('XLEN', key), added = 0 }
    to.bytes = tonumber(call('GET', key .. ':bytes') or '0')
    known[key], processes[#processes + 1] = to, to
  end
  if not to.alive or owner ~= '' and not alive(owner) then
    out[#out + 1] = 0
  elseif to.letters >= tonumber(ARGV[3]) or to.bytes > 0 and to.bytes + #text > tonumber(ARGV[4]) then
    out[#out + 1] = 2
  else
    call('XADD', key, '*', 'm', text)
    to.letters, to.bytes, to.added = to.letters + 1, to.bytes + #text, to.added + #text
    out[#out + 1] = 1
  end
end
for _, to in ipairs(processes) do
  if to.added > 0 then
    call('INCRBY', to.key .. ':bytes', to.added)
    call('PEXPIRE', to.key, 60000)
    call('PEXPIRE', to.key .. ':bytes', 60000)
  end
end
return out
