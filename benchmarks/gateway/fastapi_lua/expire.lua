-- Gives back what ran out. KEYS: deadlines. ARGV: now in ms, how many at most.
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  local held = redis.call('HMGET', 'reservation:' .. id, 'stock', 'units')
  redis.call('INCRBY', held[1], held[2])
  redis.call('DEL', 'reservation:' .. id)
  redis.call('ZREM', KEYS[1], id)
end
return #due
