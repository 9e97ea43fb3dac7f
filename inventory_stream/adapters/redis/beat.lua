-- Says that a partition is fresh, if the view is still as its writer left it: looked at and said in
-- one step, so that no heartbeat is set after a flush or beside another writer's checkpoint.
--
-- KEYS[1]  projection:heartbeat:<partition>
-- KEYS[2]  projection:marker
-- KEYS[3]  projection:checkpoint:<partition>
-- ARGV[1]  the marker, ARGV[2] the checkpoint as they must be; ARGV[3] expiry in ms
--
-- Returns whether it was said. All three keys must be on one server, as projection.py asks for anyway.
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[3])
return 1
