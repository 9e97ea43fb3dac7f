-- Decides one reservation and remembers its outcome, "<reservation>:<units granted>", as its command's.
-- A command that has an outcome is told that, and takes nothing.
local function decide(stock, outcome, units, reservation)
  local known = redis.call('GET', outcome)
  if known then
    return tonumber(string.match(known, '%d+$'))
  end
  local granted = 0
  if units <= tonumber(redis.call('GET', stock) or '0') then
    redis.call('DECRBY', stock, units)
    granted = units
  end
  redis.call('SET', outcome, reservation .. ':' .. granted)
  return granted
end
