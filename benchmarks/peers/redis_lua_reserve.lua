-- KEYS: for each command the stock of its SKU, and its outcome. ARGV: for each its units, and its reservation.
-- Gives the units granted to each, in their order.
local granted = {}
for at = 1, #KEYS, 2 do
  granted[#granted + 1] = decide(KEYS[at], KEYS[at + 1], tonumber(ARGV[at]), ARGV[at + 1])
end
return granted
