-- Open a room unless it is there. KEYS: those of the room (waiting_room_keys.py), then the list of rooms.
-- ARGV: sale id, terms, opens_us, closes_ms, hold_ms (0: a new room; else its data was lost), expiry_ms.
-- Returns the terms that hold.
local state, rooms = KEYS[1], KEYS[10]
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSETNX', rooms, ARGV[1], ARGV[2])
if redis.call('EXISTS', state) == 0 then
  local hold_ms = tonumber(ARGV[5])
  local restored_ms = 0
  if hold_ms > 0 then restored_ms = now_ms end
  redis.call('HSET', state, 'opens_us', ARGV[3], 'closes_ms', ARGV[4], 'last_us', 0, 'admitted', 0,
    'hold_ms', string.format('%.0f', now_ms + hold_ms), 'restored_ms', string.format('%.0f', restored_ms))
  redis.call('PEXPIREAT', state, ARGV[6])
end
return redis.call('HGET', rooms, ARGV[1])
