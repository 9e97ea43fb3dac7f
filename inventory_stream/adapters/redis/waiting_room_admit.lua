-- Let in who is next. KEYS: those of the room. ARGV: holder, its lease in ms, capacity, length of an admission
-- in ms, ms after which one who was not seen is not there, most tickets of one step, expiry_ms.
-- The lease and its use are one step, so that no holder who lost it can let anybody in.
-- Returns 0 for who does not hold the lease, else 1 and the ticket ids, or 2 when there is more to tidy before
-- anybody can be let in; nothing when the room is gone.
local state, waiting, present, seen, admitted, turns = unpack(KEYS, 1, 6)
local holder, lease_ms, capacity, length_ms, absent_ms, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]),
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local opens_us, closes_ms, hold_ms, held_by, held_ms =
  unpack(redis.call('HMGET', state, 'opens_us', 'closes_ms', 'hold_ms', 'holder', 'holder_until_ms'))
if not opens_us then return false end
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
if held_by and held_by ~= holder and tonumber(held_ms) > now_ms then return {0} end
redis.call('HSET', state, 'holder', holder, 'holder_until_ms', string.format('%.0f', now_ms + lease_ms))

for _, member in ipairs(redis.call('ZRANGEBYSCORE', admitted, '-inf', now_ms, 'LIMIT', 0, most)) do
  local ticket, turn = string.match(member, '^(.*)%.(%d+)$')
  redis.call('ZREM', admitted, member)
  if tonumber(redis.call('HGET', turns, ticket) or 0) == tonumber(turn) then
    redis.call('HINCRBY', turns, ticket, 1)
  end
end
local absent = redis.call('ZRANGEBYSCORE', seen, '-inf', now_ms - absent_ms, 'LIMIT', 0, most)
for _, ticket in ipairs(absent) do
  redis.call('ZREM', seen, ticket)
  redis.call('ZREM', present, ticket)
end
if #absent == most then return {2} end

local answer = {1}
if now_ms * 1000 < tonumber(opens_us) or now_ms >= tonumber(closes_ms) or now_ms < tonumber(hold_ms) then
  return answer
end
local room = math.min(most, capacity - redis.call('ZCARD', admitted))
if room <= 0 then return answer end
local ends_ms = string.format('%.0f', now_ms + length_ms)
local taken = redis.call('ZPOPMIN', present, room)
for at = 1, #taken, 2 do
  local ticket = taken[at]
  redis.call('ZREM', waiting, ticket)
  redis.call('ZREM', seen, ticket)
  redis.call('ZADD', admitted, ends_ms, ticket .. '.' .. (redis.call('HGET', turns, ticket) or '0'))
  answer[#answer + 1] = ticket
end
if #taken > 0 then
  redis.call('HINCRBY', state, 'admitted', #taken / 2)
  redis.call('PEXPIREAT', admitted, ARGV[7])
  redis.call('PEXPIREAT', turns, ARGV[7])
end
return answer
