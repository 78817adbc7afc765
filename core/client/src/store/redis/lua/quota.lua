-- What all processes have of a key's quota. 3 the key; 4 how many calls a window has; 5 the window; 6 how long a place
-- counts of which nothing more is heard; 7 after what time a process is absent; 8 how long its share is kept for it;
-- 9 how long it counts as waiting; 10 the process's turn; 11 the places that it asks for; 12 the number of the first;
-- 13 its share; 14 which data and 15 what time it heard last; 16 for how long the service refuses; 17 whether it leaves;
-- 18 the number of these data where they are new; then pairs: a place's number, and for how long it counts still.
local Q = P .. 'quota:' .. ARGV[3] .. ':'
local limit, window, keep, absent, alone, patience = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]),
  tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local turn, wanted, first, share = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local half = math.floor(limit / 2)

local function whole(number) return string.format('%.0f', number) end

-- A place: the process and a number; its score is until when it counts.
call('ZREMRANGEBYSCORE', Q .. 'places', '-inf', now)
-- A process: when its last answer was made that it is known to have, its last report, its turn, share, wish, and since
-- when it waits.
local processes, names = {}, {}
local rows = call('HGETALL', Q .. 'processes')
for index = 1, #rows, 2 do
  local numbers = {}
  for number in string.gmatch(rows[index + 1], '%S+') do numbers[#numbers + 1] = tonumber(number) end
  if numbers[2] + alone + keep <= now then
    call('HDEL', Q .. 'processes', rows[index])
  else
    names[#names + 1] = rows[index]
    processes[rows[index]] = { heard = numbers[1], last = numbers[2], turn = numbers[3], share = numbers[4],
      want = numbers[5], since = numbers[6], used = 0 }
  end
end
local mine = processes[me]
if mine and turn < mine.turn then return redis.error_reply('STALE a later report of this process was there first') end

local data = call('HGET', Q .. 'state', 'data')
if not data then
  data = ARGV[18]
  call('HSET', Q .. 'state', 'data', data)
end
if ARGV[14] ~= '' and ARGV[14] ~= data then call('HSETNX', Q .. 'state', 'lost', whole(now)) end
local lost = tonumber(call('HGET', Q .. 'state', 'lost') or 0)
local refused = tonumber(call('HGET', Q .. 'state', 'refused') or 0)
if tonumber(ARGV[16]) > 0 then
  refused = math.max(refused, now + tonumber(ARGV[16]))
  call('HSET', Q .. 'state', 'refused', whole(refused))
end
for index = 19, #ARGV, 2 do
  local place, left = me .. ' ' .. ARGV[index], tonumber(ARGV[index + 1])
  if left > 0 then
    call('ZADD', Q .. 'places', whole(now + left), place)
  else
    call('ZREM', Q .. 'places', place)
  end
end
for _, key in ipairs({ 'places', 'processes', 'state' }) do call('PEXPIRE', Q .. key, whole(alone + keep + keep)) end
if ARGV[17] == '1' then
  call('HDEL', Q .. 'processes', me)
  return { data, whole(now), '0', '0', '0', '0', '1' }
end

if not mine then
  -- One that knows an earlier answer may go by its share at this moment.
  mine = { heard = ARGV[14] == '' and now or 0, share = 0, want = 0, since = now, used = 0 }
  processes[me] = mine
  names[#names + 1] = me
end
if ARGV[14] == data then mine.heard = math.max(mine.heard, tonumber(ARGV[15])) end
if mine.want == 0 then mine.since = now end
mine.last, mine.turn, mine.want = now, turn, wanted

-- What counts: the places, what is left to processes that are absent, and after a loss what unknown ones may still use.
local places = call('ZRANGE', Q .. 'places', 0, -1, 'WITHSCORES')
local taken, present, shares = #places / 2, 0, 0
for index = 1, #places, 2 do
  local process = processes[string.match(places[index], '^%S+')]
  if process then process.used = process.used + 1 end
end
for _, name in ipairs(names) do
  local process = processes[name]
  if process.heard + absent >= now then
    present = present + 1
  else
    taken = taken + math.max(0, process.share - process.used)
  end
  if name ~= me then shares = shares + process.share end
end
if lost > 0 and now < lost + alone + keep then taken = taken + half end
local given = math.max(0, math.min(math.floor(half / math.max(1, present)), half - shares))
-- Whether it gets this answer is not known yet.
mine.share = math.max(share, given)

-- A free place goes to the process that has the fewest of those that count, and of such to the one that has waited
-- longest.
local function next_process()
  local best
  for _, name in ipairs(names) do
    local process = processes[name]
    local waits = process.want > 0 and process.last + patience > now
    if waits and (not best or process.used < best.used or process.used == best.used and process.since < best.since) then
      best = process
    end
  end
  if best then best.used, best.want = best.used + 1, best.want - 1 end
  return best
end
local free, granted, waits, is_all = limit - taken, 0, {}, 1
local from = math.max(refused, lost > 0 and lost + keep or 0)
-- To one that may be going by its share at this moment nothing is given: what it makes itself is not known yet.
while from <= now and free > 0 and mine.heard + absent >= now do
  local process = next_process()
  if not process then break end
  free = free - 1
  if process == mine then granted = granted + 1 end
end
for number = first, first + granted - 1 do
  call('ZADD', Q .. 'places', whole(now + keep), me .. ' ' .. whole(number))
end
if granted > 0 then mine.since = now end
local row = { mine.heard, mine.last, mine.turn, mine.share, mine.want, mine.since }
for index, number in ipairs(row) do row[index] = whole(number) end
call('HSET', Q .. 'processes', me, table.concat(row, ' '))

-- When the next ones come. Of a place that counts for more than a window, the call has not come back.
local ends = now
for index = 0, #places, 2 do
  if index > 0 then
    ends = tonumber(places[index])
    if ends > now + window then
      is_all = 0
      break
    end
    local process = processes[string.match(places[index - 1], '^%S+')]
    if process then process.used = process.used - 1 end
    free = free + 1
  end
  while free > 0 do
    local process = next_process()
    if not process then break end
    free = free - 1
    if process == mine then waits[#waits + 1] = whole(math.max(ends, from) - now) end
  end
  if mine.want == 0 then break end
end
if granted > 0 then is_all = 0 end
local out = { data, whole(now), whole(granted), whole(given), whole(present), whole(math.max(0, refused - now)), whole(is_all) }
for _, wait in ipairs(waits) do out[#out + 1] = wait end
return out
