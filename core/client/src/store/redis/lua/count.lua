-- 3 the avatar. Visitors with a record, and messages.
local A = at(ARGV[3])
return { call('ZCARD', A .. 'saved'), call('ZCARD', A .. 'order') }
