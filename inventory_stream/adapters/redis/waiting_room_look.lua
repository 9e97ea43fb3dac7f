-- Say how tickets stand. KEYS: those of the room. ARGV: '1' when the holders are there, then per ticket its
-- id and turn. Returns now_ms, waiting, present, in flight, admissions so far, restored_ms, then per ticket
-- kind (ports.waiting_room.Kind), position, present ahead, until_ms, all flat; nothing when the room is gone.
local state, waiting, present, seen, admitted, turns, bound = unpack(KEYS, 1, 7)
local total, restored_ms = unpack(redis.call('HMGET', state, 'admitted', 'restored_ms'))
if not total then return false end
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
local is_here = ARGV[1] == '1'

local answer = {now_ms, redis.call('ZCARD', waiting), redis.call('ZCARD', present),
  redis.call('ZCARD', admitted), tonumber(total), tonumber(restored_ms)}
for at = 2, #ARGV, 2 do
  local ticket, turn = ARGV[at], ARGV[at + 1]
  local mine = ticket .. '.' .. turn
  local kind, position, ahead, until_ms = 0, 0, 0, 0
  if tonumber(turn) < tonumber(redis.call('HGET', turns, ticket) or 0) then
    if redis.call('HEXISTS', bound, mine) == 1 then kind = 3 else kind = 4 end
  else
    local rank = redis.call('ZRANK', waiting, ticket)
    if rank then
      kind, position = 1, rank + 1
      local place = redis.call('ZSCORE', waiting, ticket)
      if is_here then
        redis.call('ZADD', seen, now_ms, ticket)
        redis.call('ZADD', present, place, ticket)
      end
      ahead = redis.call('ZRANK', present, ticket) or redis.call('ZCOUNT', present, '-inf', '(' .. place)
    else
      local ends = redis.call('ZSCORE', admitted, mine)
      if ends and tonumber(ends) > now_ms then
        kind, until_ms = 2, tonumber(ends)
      elseif ends then
        kind = 4
      end
    end
  end
  local next = #answer
  answer[next + 1], answer[next + 2], answer[next + 3], answer[next + 4] = kind, position, ahead, until_ms
end
return answer
