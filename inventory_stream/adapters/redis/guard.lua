-- Writes hashes of SKUs, each all or nothing; touches only KEYS.
--
-- KEYS     atp:{<sku>} of each change
-- ARGV[1]  msgpack array with an array for each key, one argument because the client spends most of its time
--          on arguments:
--   1  'change': the named locations; 'whole': these are all; 'reset': the same, whatever v is there
--   2  generation, 3 offset: the new v
--   4  at, ms since the Unix epoch
--   5  partition
--   6  array: location, available, shortfall, and so on in threes; available -1: the location is gone
--   7  offset of the newest row behind 8; -1: none
--   8  array: field, units, field, units: all of ch:, sale:, backorder and beside that there are
--
-- Returns for each key, with spaces between (one answer instead of hundreds, each of which cost the
-- client 12 us): the new total, -1 when the hash has a higher v or the same with later paths, -2 for a
-- 'change' of a hash that is not there: its other locations would be missing.
--
-- Lua's numbers are doubles, exact up to 2^53 = 9.0e15. A generation is ms since 1970 (1.8e12), an
-- offset at a million rows a second reaches 2^53 after 285 years, and a total stays exact for nine
-- million locations of 1e9 units (R6).

-- Arguments of one HSET or HDEL. Lua 5.1 unpacks at most 8,000 values (LUAI_MAXCSTACK); one SKU may
-- be in more stores than half of that.
local ARGUMENTS_MAX = 4000

-- Locations up to which a change adds to the sums that are there, instead of reading all of the hash: two
-- fields each, so that one HMGET takes them.
local LOCATIONS_MAX = 1000

-- Plain digits: tostring() writes 1e+14 from there on.
local function plain(number) return string.format('%.0f', number) end

local function is_older(stored, stored_paths, generation, offset, paths)
  local stored_generation, stored_offset = string.match(stored, '^(%d+):(%d+)$')
  stored_generation, stored_offset = tonumber(stored_generation), tonumber(stored_offset)
  return stored_generation ~= nil and (stored_generation > generation
    or (stored_generation == generation and (stored_offset > offset
      or (stored_offset == offset and stored_paths > paths))))
end

-- What every write says, behind the fields of its locations and paths.
local function with_head(set, total, short_total, generation, offset, at_ms, partition)
  local at = #set
  set[at + 1], set[at + 2] = 'total', plain(total)
  set[at + 3], set[at + 4] = 'short', plain(short_total)
  set[at + 5], set[at + 6] = 'v', plain(generation) .. ':' .. plain(offset)
  set[at + 7], set[at + 8] = 'at', plain(at_ms)
  set[at + 9], set[at + 10] = 'partition', plain(partition)
  return set
end

-- A change of some locations of a SKU that only common sells, from what `found` has of them: the sums
-- move by the differences. Two commands on the hash instead of four, however many stores the SKU is in.
local function write_some(key, found, generation, offset, at_ms, partition, locations)
  local total, short_total, set, gone = tonumber(found[3]), tonumber(found[4]), {}, {}
  for at = 1, #locations, 3 do
    local location, available, shortfall = locations[at], locations[at + 1], locations[at + 2]
    local place = 4 + (at - 1) / 3 * 2
    local was, was_short = found[place + 1], found[place + 2]
    total, short_total = total - (was or 0), short_total - (was_short or 0)
    if available < 0 then
      if was then gone[#gone + 1] = 'loc:' .. location end
      shortfall = 0
    else
      total = total + available
      set[#set + 1], set[#set + 2] = 'loc:' .. location, plain(available)
    end
    if shortfall > 0 then
      short_total = short_total + shortfall
      set[#set + 1], set[#set + 2] = 'short:' .. location, plain(shortfall)
    elseif was_short then
      gone[#gone + 1] = 'short:' .. location
    end
  end
  redis.call('HSET', key, unpack(with_head(set, total, short_total, generation, offset, at_ms, partition)))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  return total
end

local function write_all(key, is_there, mode, generation, offset, at_ms, partition, locations, paths, fields)
  -- All loc: and short: fields as they will be; what is in `gone` when all are named is deleted.
  local after, gone = {}, {}
  if is_there then
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

  with_head(set, total, short_total, generation, offset, at_ms, partition)
  for first = 1, #set, ARGUMENTS_MAX do
    redis.call('HSET', key, unpack(set, first, math.min(first + ARGUMENTS_MAX - 1, #set)))
  end
  local deleted = {}
  for field in pairs(gone) do deleted[#deleted + 1] = field end
  for first = 1, #deleted, ARGUMENTS_MAX do
    redis.call('HDEL', key, unpack(deleted, first, math.min(first + ARGUMENTS_MAX - 1, #deleted)))
  end
  return total
end

local function write(key, mode, generation, offset, at_ms, partition, locations, paths, fields)
  local asked = {'v', 'paths', 'total', 'short'}
  local is_small = mode == 'change' and #locations <= 3 * LOCATIONS_MAX
  if is_small then
    for at = 1, #locations, 3 do
      asked[#asked + 1], asked[#asked + 2] = 'loc:' .. locations[at], 'short:' .. locations[at]
    end
  end
  local found = redis.call('HMGET', key, unpack(asked))
  local stored, stored_paths = found[1], found[2]
  if stored then
    if mode ~= 'reset' and is_older(stored, tonumber(stored_paths or '-1'), generation, offset, paths) then
      return -1
    end
  elseif mode == 'change' then
    return -2
  end
  if is_small and paths < 0 and not stored_paths and found[3] and found[4] then
    return write_some(key, found, generation, offset, at_ms, partition, locations)
  end
  return write_all(
    key, stored, mode, generation, offset, at_ms, partition, locations, paths, fields)
end

local changes, answers = cmsgpack.unpack(ARGV[1]), {}
for number, key in ipairs(KEYS) do answers[number] = plain(write(key, unpack(changes[number]))) end
return table.concat(answers, ' ')
