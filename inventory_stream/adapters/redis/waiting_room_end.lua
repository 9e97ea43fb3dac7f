-- End a turn, by leaving or by using its admission. KEYS: those of the room. ARGV: ticket id, turn, ms for
-- which a used admission still counts as in flight (0: it was left), expiry_ms.
-- Nothing when the room is gone. May be repeated: a turn that is over stays as it is.
local state, waiting, present, seen, admitted, turns = unpack(KEYS, 1, 6)
local ticket, turn, settle_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('EXISTS', state) == 0 then return false end
local over = tonumber(redis.call('HGET', turns, ticket) or 0)
if over > tonumber(turn) then return 0 end
redis.call('HSET', turns, ticket, turn + 1)
redis.call('PEXPIREAT', turns, ARGV[4])
redis.call('ZREM', waiting, ticket)
redis.call('ZREM', present, ticket)
redis.call('ZREM', seen, ticket)
local mine = ticket .. '.' .. turn
if settle_ms == 0 then
  redis.call('ZREM', admitted, mine)
else
  local clock = redis.call('TIME')
  local ends_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + settle_ms
  redis.call('ZADD', admitted, 'XX', 'LT', string.format('%.0f', ends_ms), mine)
end
return 1
