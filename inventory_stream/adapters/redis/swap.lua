-- Compare and set: KEYS[1] becomes ARGV[2] if it is ARGV[1], or ARGV[2] already (an earlier answer
-- was lost). Returns whether it is ARGV[2] now.
local current = redis.call('GET', KEYS[1])
if current == ARGV[2] then return 1 end
if current ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
