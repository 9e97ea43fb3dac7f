-- Keep a text where the old one stands, or none. KEYS: the key. ARGV: old text, text, seconds.
-- Returns 1 when it is kept, also when it was there already.
local stands = redis.call('GET', KEYS[1])
if stands and stands ~= ARGV[1] and stands ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
