-- Holds units. KEYS: stock of the SKU at the location, answer of the Idempotency-Key, deadlines.
-- ARGV: units, id of a new reservation, its deadline in ms, how long answers are kept in seconds.
-- Gives "<reservation id>:<deadline>", or nothing when there are not enough units.
local known = redis.call('GET', KEYS[2])
if known then
  return known
end
local units = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or '0') < units then
  return false
end
redis.call('DECRBY', KEYS[1], units)
redis.call('HSET', 'reservation:' .. ARGV[2], 'stock', KEYS[1], 'units', units)
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
local answer = ARGV[2] .. ':' .. ARGV[3]
redis.call('SET', KEYS[2], answer, 'EX', ARGV[4])
return answer
