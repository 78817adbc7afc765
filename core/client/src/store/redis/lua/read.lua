-- 3 the process, 4 for how long it counts as alive, 5 whether it listens to all events, 6 the bytes of the letters that it
-- has read, then their ids. The other processes that listen.
local key = P .. 'process:' .. ARGV[3]
call('SET', key .. ':alive', '1', 'PX', ARGV[4])
if #ARGV > 6 then
  for first = 7, #ARGV, 1000 do
    call('XDEL', key, unpack(ARGV, first, math.min(first + 999, #ARGV)))
  end
  if call('DECRBY', key .. ':bytes', ARGV[6]) <= 0 then call('DEL', key .. ':bytes') end
end
local listeners, listens, out = P .. 'listeners', false, {}
for _, process in ipairs(call('SMEMBERS', listeners)) do
  if process == ARGV[3] then
    listens = true
  elseif call('EXISTS', P .. 'process:' .. process .. ':alive') == 1 then
    out[#out + 1] = process
  else
    call('SREM', listeners, process)
  end
end
if listens ~= (ARGV[5] == '1') then call(listens and 'SREM' or 'SADD', listeners, ARGV[3]) end
return out
