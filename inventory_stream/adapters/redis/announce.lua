-- Tells readers what was written: one call for a whole batch instead of one command per SKU, which
-- makes a batch a third cheaper for the client. Touches only KEYS[1].
--
-- KEYS[1]  soldout
-- ARGV[1]  channel
-- ARGV[2]  msgpack array of three arrays, each of at most 1,000 (unpack takes 8,000): SKUs that are
--          sold out, SKUs that are not, messages in their order
local out, back, messages = unpack(cmsgpack.unpack(ARGV[2]))
if #out > 0 then redis.call('SADD', KEYS[1], unpack(out)) end
if #back > 0 then redis.call('SREM', KEYS[1], unpack(back)) end
for _, message in ipairs(messages) do redis.call('PUBLISH', ARGV[1], message) end
return #messages
