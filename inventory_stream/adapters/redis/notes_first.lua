-- Keep texts under keys that have none. KEYS: the keys. ARGV: seconds, then the text of each key.
-- Returns number (from 1) and text of each key that had another before, one after the other.
local had = {}
for at, key in ipairs(KEYS) do
  if not redis.call('SET', key, ARGV[at + 1], 'NX', 'EX', ARGV[1]) then
    had[#had + 1] = at
    had[#had + 1] = redis.call('GET', key)
  end
end
return had
