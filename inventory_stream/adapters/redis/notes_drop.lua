-- Forget keys that still have the text that they were given. KEYS: the keys. ARGV: the text of each.
for at, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[at] then redis.call('DEL', key) end
end
return #KEYS
