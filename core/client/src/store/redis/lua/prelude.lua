-- What all scripts share. ARGV[1]: how every key begins. ARGV[2]: the owner that calls. KEYS[1]: where the keys lie.
local P, me = ARGV[1], ARGV[2]
local call = redis.call
local seen = {}

local function alive(owner)
  if seen[owner] == nil then
    seen[owner] = call('EXISTS', P .. 'owner:' .. owner) == 1
  end
  return seen[owner]
end

local function other(owner)
  return owner and owner ~= me and alive(owner)
end

local function fenced()
  if alive(me) then return nil end
  return redis.error_reply('FENCED the lease of this store has run out')
end

local function at(name)
  return P .. name .. ':'
end

-- A message: its place, when it was saved, its owner, its text. A note: the same with its expiry. A record: its time.
local function message(value) return string.match(value, '^(%d+) (%d+) (%S+) (.*)$') end
local function note(value) return string.match(value, '^(%d+) (%d+) (%d+) (.*)$') end
local function record(value) return string.match(value, '^(%d+) (.*)$') end

-- The stores that have the visitor open, but for this one.
local function opened_elsewhere(A, visitor)
  for owner in string.gmatch(call('HGET', A .. 'openings', visitor) or '', '%S+') do
    if other(owner) then return true end
  end
  return false
end

local function used_elsewhere(A, visitor)
  if opened_elsewhere(A, visitor) then return true end
  local values = call('HVALS', A .. 'messages:' .. visitor)
  for _, value in ipairs(values) do
    local _, _, owner = message(value)
    if other(owner) then return true end
  end
  return false
end

local function open(A, visitor)
  local owners = me
  for owner in string.gmatch(call('HGET', A .. 'openings', visitor) or '', '%S+') do
    if other(owner) then owners = owners .. ' ' .. owner end
  end
  call('HSET', A .. 'claims', visitor, me)
  call('HSET', A .. 'openings', visitor, owners)
end

local function drop_note(name, visitor, key)
  local A = at(name)
  call('HDEL', A .. 'notes:' .. visitor, key)
  call('ZREM', A .. 'notes', key .. '\0' .. visitor)
  call('ZREM', P .. 'expiry', name .. ' ' .. visitor .. ' ' .. key)
  if call('EXISTS', A .. 'notes:' .. visitor) == 0 then
    call('SREM', A .. 'noted', visitor)
  end
end

local function forget(name, visitor)
  local A = at(name)
  call('HDEL', A .. 'records', visitor)
  call('ZREM', A .. 'saved', visitor)
  for _, id in ipairs(call('HKEYS', A .. 'messages:' .. visitor)) do
    call('ZREM', A .. 'order', visitor .. ' ' .. id)
  end
  call('DEL', A .. 'messages:' .. visitor)
  for _, key in ipairs(call('HKEYS', A .. 'notes:' .. visitor)) do
    drop_note(name, visitor, key)
  end
  call('HDEL', A .. 'claims', visitor)
  call('HDEL', A .. 'openings', visitor)
  call('HDEL', A .. 'homes', visitor)
  call('DEL', A .. 'guests:' .. visitor)
  call('ZREM', A .. 'touched', visitor)
end

