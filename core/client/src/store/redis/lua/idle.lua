-- 3 the call, 4 before when, 5 the number of avatars, these, the number of messages that are over, these, then visitors.
-- Those of them who were idle and are forgotten.
local gone = fenced()
if gone then return gone end
local answer = P .. 'answer:' .. ARGV[3]
local answered = call('LRANGE', answer, 0, -1)
if #answered > 0 then return answered end
local before, names, over, out = tonumber(ARGV[4]), {}, {}, {}
local index = 6
for _ = 1, tonumber(ARGV[5]) do
  names[#names + 1] = ARGV[index]
  index = index + 1
end
index = index + 1
for _ = 1, tonumber(ARGV[index - 1]) do
  over[ARGV[index]] = true
  index = index + 1
end

-- A row of an unknown time is not old.
local function is_old(saved)
  local at = tonumber(saved)
  return at > 0 and at < before
end

-- How many rows there are, if all are old; nil if the visitor is not idle.
local function rows(A, visitor)
  for owner in string.gmatch(call('HGET', A .. 'openings', visitor) or '', '%S+') do
    if alive(owner) then return nil end
  end
  local count = 0
  local value = call('HGET', A .. 'records', visitor)
  if value then
    if not is_old((record(value))) then return nil end
    count = count + 1
  end
  for _, value in ipairs(call('HVALS', A .. 'messages:' .. visitor)) do
    local _, saved, owner, text = message(value)
    if not is_old(saved) or other(owner) or not over[text] then return nil end
    count = count + 1
  end
  for _, value in ipairs(call('HVALS', A .. 'notes:' .. visitor)) do
    local _, saved = note(value)
    if not is_old(saved) then return nil end
    count = count + 1
  end
  return count
end

for visitor = index, #ARGV do
  local count = 0
  for _, name in ipairs(names) do
    local more = count and rows(at(name), ARGV[visitor])
    count = more and count + more
  end
  if count then
    for _, name in ipairs(names) do forget(name, ARGV[visitor]) end
    if count > 0 then out[#out + 1] = ARGV[visitor] end
  end
end
for _, visitor in ipairs(out) do
  -- Where there is no memory left, a call whose answer is lost is answered anew, with fewer.
  redis.pcall('RPUSH', answer, visitor)
end
redis.pcall('PEXPIRE', answer, 60000)
return out
