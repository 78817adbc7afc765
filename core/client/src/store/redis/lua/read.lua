-- 3 the process, 4 for how long it counts as alive, 5 the bytes of the letters that it has read, then their ids.
local key = P .. 'process:' .. ARGV[3]
call('SET', key .. ':alive', '1', 'PX', ARGV[4])
if #ARGV > 5 then
  for first = 6, #ARGV, 1000 do
    call('XDEL', key, unpack(ARGV, first, math.min(first + 999, #ARGV)))
  end
  if call('DECRBY', key .. ':bytes', ARGV[5]) <= 0 then call('DEL', key .. ':bytes') end
end
return 1
