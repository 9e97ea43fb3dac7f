-- Bind an admission to the first reservation that asks, free it, or say what it is bound to. KEYS: those of the
-- room. ARGV: ticket id, turn, reservation id, '1' to bind, '0' to free or '' to say, expiry_ms, ms for which the
-- reservation may still be granted ('': not known), the reservation whose place it takes ('' for none).
-- Returns the reservation that it is bound to, '' for none, 1 when that one can be granted no more and no grant of
-- it was noted, and 1 when it was bound to it just now; nothing when the room is gone.
local state, turns, bound = KEYS[1], KEYS[6], KEYS[7]
if redis.call('EXISTS', state) == 0 then return false end
local mine, reservation = ARGV[1] .. '.' .. ARGV[2], ARGV[3]
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
local is_spent = tonumber(redis.call('HGET', turns, ARGV[1]) or 0) > tonumber(ARGV[2])

local until_ms, there
local is_new = false
local kept = redis.call('HGET', bound, mine)
if kept then until_ms, there = string.match(kept, '^(%d*) (.*)$') end
local is_over = there and until_ms ~= '' and tonumber(until_ms) < now_ms and not is_spent

if ARGV[4] == '1' then
  if not there or there == reservation or (is_over and there == ARGV[7]) then
    until_ms = ''
    if ARGV[6] ~= '' then until_ms = string.format('%.0f', now_ms + tonumber(ARGV[6])) end
    redis.call('HSET', bound, mine, until_ms .. ' ' .. reservation)
    redis.call('PEXPIREAT', bound, ARGV[5])
    is_new = there ~= reservation
    there, is_over = reservation, false
  end
elseif ARGV[4] == '0' and there == reservation and not is_spent then
  redis.call('HDEL', bound, mine)
  there = nil
end
return {there or '', is_over and 1 or 0, is_new and 1 or 0}
