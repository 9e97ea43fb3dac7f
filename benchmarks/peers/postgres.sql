-- Stock and outcomes, and the two ways of deciding that the peers in postgres.py compare.

CREATE TABLE stock (
  sku text PRIMARY KEY,
  free integer NOT NULL CHECK (free >= 0)  -- nobody can sell a unit twice, whatever the code does
) WITH (fillfactor = 50);                  -- room for new versions of a hot row on its own page

CREATE TABLE outcomes (
  command_id text PRIMARY KEY,
  reservation_id text NOT NULL,
  sku text NOT NULL,
  units_granted integer NOT NULL
);

-- One command: the row lock is held from here to the end of the transaction, which is its commit on disk.
-- A repeat waits for the lock, too, and then sees the outcome: each statement here looks anew.
CREATE FUNCTION decide(command text, reservation text, of_sku text, asked integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  left_over integer;
  known integer;
BEGIN
  SELECT free INTO left_over FROM stock WHERE sku = of_sku FOR UPDATE;
  SELECT units_granted INTO known FROM outcomes WHERE command_id = command;
  IF FOUND THEN
    RETURN known;
  END IF;
  IF asked > coalesce(left_over, 0) THEN
    asked := 0;
  ELSE
    UPDATE stock SET free = free - asked WHERE sku = of_sku;
  END IF;
  INSERT INTO outcomes VALUES (command, reservation, of_sku, asked);
  RETURN asked;
END $$;

-- Many commands in their order, one transaction, one new version of a stock row however many commands it has.
-- `of_skus` are the SKUs, each once, and `place` says for each command which of them it means. A command that
-- comes twice in one call breaks the primary key, and with it the call: nothing is taken twice.
CREATE FUNCTION decide_all(
  commands text[], reservations text[], of_skus text[], place integer[], asked integer[]
) RETURNS integer[]
LANGUAGE plpgsql AS $$
DECLARE
  left_over integer[];
  granted integer[];
  is_new boolean[];
  units integer;
BEGIN
  -- Locked in one order, so that two writers could not wait for each other.
  PERFORM FROM stock WHERE sku = ANY (of_skus) ORDER BY sku FOR UPDATE;
  SELECT array_agg(coalesce(free, 0) ORDER BY at) INTO left_over
    FROM unnest(of_skus) WITH ORDINALITY AS wanted (sku, at) LEFT JOIN stock USING (sku);
  SELECT array_agg(units_granted ORDER BY at), array_agg(units_granted IS NULL ORDER BY at)
    INTO granted, is_new
    FROM unnest(commands) WITH ORDINALITY AS sent (command_id, at) LEFT JOIN outcomes USING (command_id);
  FOR at IN 1 .. cardinality(commands) LOOP
    IF is_new[at] THEN
      units := asked[at];
      IF units > left_over[place[at]] THEN
        units := 0;
      END IF;
      left_over[place[at]] := left_over[place[at]] - units;
      granted[at] := units;
    END IF;
  END LOOP;
  UPDATE stock SET free = decided.free
    FROM unnest(of_skus, left_over) AS decided (sku, free)
    WHERE stock.sku = decided.sku AND stock.free <> decided.free;
  INSERT INTO outcomes
    SELECT sent.command, sent.reservation, of_skus[sent.place], sent.granted
    FROM unnest(commands, reservations, place, granted, is_new)
      AS sent (command, reservation, place, granted, is_new)
    WHERE sent.is_new;
  RETURN granted;
END $$;
