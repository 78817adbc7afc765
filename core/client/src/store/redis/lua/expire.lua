-- 3 the time. Deletes notes that have expired, a thousand at most. The number of these, and when the next one expires.
local gone = fenced()
if gone then return gone end
local members = call('ZRANGEBYSCORE', P .. 'expiry', '-inf', ARGV[3], 'LIMIT', 0, 1000)
for _, member in ipairs(members) do
  local name, visitor, key = string.match(member, '^(%S+) (%S+) (.*)$')
  drop_note(name, visitor, key)
end
local next = call('ZRANGE', P .. 'expiry', 0, 0, 'WITHSCORES')
return { tostring(#members), next[2] or '' }
