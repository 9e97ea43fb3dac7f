-- Bind an admission to the first reservation that asks, or free it. KEYS: those of the room. ARGV: ticket id,
-- turn, reservation id, '1' to bind and '0' to free, expiry_ms. Returns the reservation that it is bound to,
-- '' for none; nothing when the room is gone.
local state, bound = KEYS[1], KEYS[7]
if redis.call('EXISTS', state) == 0 then return false end
local mine = ARGV[1] .. '.' .. ARGV[2]
if ARGV[4] == '1' then
  redis.call('HSETNX', bound, mine, ARGV[3])
  redis.call('PEXPIREAT', bound, ARGV[5])
elseif redis.call('HGET', bound, mine) == ARGV[3]
    and tonumber(redis.call('HGET', KEYS[6], ARGV[1]) or 0) <= tonumber(ARGV[2]) then
  redis.call('HDEL', bound, mine)
end
return redis.call('HGET', bound, mine) or ''
