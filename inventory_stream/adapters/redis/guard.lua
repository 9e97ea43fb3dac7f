-- Writes one SKU's hash, all or nothing; touches only KEYS[1], so that a cluster may run it.
--
-- KEYS[1]  atp:{<sku>}
-- ARGV[1]  msgpack array, one argument because the client spends most of its time on arguments:
--   1  'change': the named locations; 'whole': these are all; 'reset': the same, whatever v is there
--   2  generation, 3 offset: the new v
--   4  at, ms since the Unix epoch
--   5  partition
--   6  array: location, available, shortfall, and so on in threes; available -1: the location is gone
--   7  offset of the newest row behind 8; -1: none
--   8  array: field, units, field, units: all of ch:, sale:, backorder and beside that there are
--
-- Returns the new total, -1 when the hash has a higher v or the same with later paths, -2 for a
-- 'change' of a hash that is not there: its other locations would be missing.
--
-- Lua's numbers are doubles, exact up to 2^53 = 9.0e15. A generation is ms since 1970 (1.8e12), an
-- offset at a million rows a second reaches 2^53 after 285 years, and a total stays exact for nine
-- million locations of 1e9 units (R6).

-- Arguments of one HSET or HDEL. Lua 5.1 unpacks at most 8,000 values (LUAI_MAXCSTACK); one SKU may
-- be in more stores than half of that.
local ARGUMENTS_MAX = 4000

local key = KEYS[1]
local mode, generation, offset, at_ms, partition, locations, paths, fields =
    unpack(cmsgpack.unpack(ARGV[1]))

local found = redis.call('HMGET', key, 'v', 'paths')
local stored, stored_paths = found[1], tonumber(found[2] or '-1')
if stored then
  local stored_generation, stored_offset = string.match(stored, '^(%d+):(%d+)$')
  stored_generation, stored_offset = tonumber(stored_generation), tonumber(stored_offset)
  if mode ~= 'reset' and stored_generation ~= nil and (stored_generation > generation
      or (stored_generation == generation and (stored_offset > offset
        or (stored_offset == offset and stored_paths > paths)))) then
    return -1
  end
elseif mode == 'change' then
  return -2
end

-- All loc: and short: fields as they will be; what is in `gone` when all are named is deleted.
local after, gone = {}, {}
if stored then
  local flat = redis.call('HGETALL', key)
  for at = 1, #flat, 2 do
    local field = flat[at]
    if string.sub(field, 1, 4) == 'loc:' or string.sub(field, 1, 6) == 'short:' then
      if mode == 'change' then
        after[field] = tonumber(flat[at + 1])
      else
        gone[field] = true
      end
    elseif string.sub(field, 1, 3) == 'ch:' or string.sub(field, 1, 5) == 'sale:'
        or field == 'backorder' or field == 'beside' or field == 'paths' then
      gone[field] = true
    end
  end
end

-- Plain digits: tostring() writes 1e+14 from there on.
local function plain(number) return string.format('%.0f', number) end

local set = {}
for at = 1, #locations, 3 do
  local location, available, shortfall = locations[at], locations[at + 1], locations[at + 2]
  local short = 'short:' .. location
  location = 'loc:' .. location
  if available < 0 then
    after[location], gone[location] = nil, true
    after[short], gone[short] = nil, true
  else
    after[location], gone[location] = available, nil
    set[#set + 1], set[#set + 2] = location, plain(available)
    if shortfall > 0 then
      after[short], gone[short] = shortfall, nil
      set[#set + 1], set[#set + 2] = short, plain(shortfall)
    else
      if after[short] then gone[short] = true end
      after[short] = nil
    end
  end
end

for at = 1, #fields, 2 do
  gone[fields[at]] = nil
  set[#set + 1], set[#set + 2] = fields[at], plain(fields[at + 1])
end
if paths >= 0 then
  gone['paths'] = nil
  set[#set + 1], set[#set + 2] = 'paths', plain(paths)
end

local total, short_total = 0, 0
for field, units in pairs(after) do
  if string.sub(field, 1, 4) == 'loc:' then
    total = total + units
  else
    short_total = short_total + units
  end
end

for _, value in ipairs({
  'total', plain(total), 'short', plain(short_total),
  'v', plain(generation) .. ':' .. plain(offset), 'at', plain(at_ms), 'partition', plain(partition),
}) do
  set[#set + 1] = value
end
for first = 1, #set, ARGUMENTS_MAX do
  redis.call('HSET', key, unpack(set, first, math.min(first + ARGUMENTS_MAX - 1, #set)))
end
local deleted = {}
for field in pairs(gone) do deleted[#deleted + 1] = field end
for first = 1, #deleted, ARGUMENTS_MAX do
  redis.call('HDEL', key, unpack(deleted, first, math.min(first + ARGUMENTS_MAX - 1, #deleted)))
end
return total
