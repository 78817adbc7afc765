-- 3 the avatar, 4 the visitor. The record, the messages, pairs of key and value of the notes, how many have it open.
local A, visitor, openings = at(ARGV[3]), ARGV[4], 0
for owner in string.gmatch(call('HGET', A .. 'openings', visitor) or '', '%S+') do
  if alive(owner) then openings = openings + 1 end
end
return {
  { call('HGET', A .. 'records', visitor) or '' },
  call('HVALS', A .. 'messages:' .. visitor),
  call('HGETALL', A .. 'notes:' .. visitor),
  { tostring(openings) },
}
