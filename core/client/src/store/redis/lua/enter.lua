-- A new owner: 3 the one that it takes the place of, 4 its lease, 5 the number of the data where it is new, 6 the number
-- that this store knows, 7 how many avatars it uses, these, then pairs of an avatar and a visitor that it has open.
local there = call('GET', P .. 'store')
-- Keys of another form are left alone: the caller says so.
if there and string.match(there, '^%d+') ~= string.match(ARGV[5], '^%d+') then return there end
call('SET', P .. 'owner:' .. me, '1', 'PX', ARGV[4])
call('SETNX', P .. 'store', ARGV[5])
local store = call('GET', P .. 'store')
local from, names = ARGV[3], tonumber(ARGV[7])
local is_new = store ~= ARGV[6]
if from == '' then return store end
for index = 8, 7 + names do
  local A = at(ARGV[index])
  for _, member in ipairs(call('ZRANGE', A .. 'order', 0, -1)) do
    local visitor, id = string.match(member, '^(%S+) (.*)$')
    local place, saved, owner, text = message(call('HGET', A .. 'messages:' .. visitor, id))
    if owner == from then
      call('HSET', A .. 'messages:' .. visitor, id, place .. ' ' .. saved .. ' ' .. me .. ' ' .. text)
    end
  end
end
for index = 8 + names, #ARGV, 2 do
  local A, visitor = at(ARGV[index]), ARGV[index + 1]
  local owner = call('HGET', A .. 'claims', visitor)
  -- Whom another store has opened since, and be it for a moment, this one has lost.
  if owner == from or is_new and not owner then open(A, visitor) end
end
return store
