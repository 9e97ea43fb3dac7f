package inventory;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** Reads the records of both inputs with Jackson's streaming parser: no tree, no reflection, no object per command. */
final class Commands {
  /** Told of each command of a record, in order. */
  interface Taker {
    /** One reservation: its command id, its own id, the SKU and the units asked. */
    void reserve(String id, String reservationId, String sku, long units);

    /** One count: the units of a SKU. */
    void count(String sku, long onHand);
  }

  private static final JsonFactory FACTORY = new JsonFactory();

  private Commands() {}

  /** Reads one command, a pack of objects, or a positional pack. */
  static void read(byte[] value, Taker taker) {
    try (JsonParser parser = FACTORY.createParser(value)) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        readObject(parser, taker);
        return;
      }
      for (JsonToken token = parser.nextToken(); token != JsonToken.END_ARRAY; token = parser.nextToken()) {
        if (token == JsonToken.START_OBJECT) {
          readObject(parser, taker);
        } else {
          readArray(parser, taker);
        }
      }
    } catch (IOException error) {
      throw new IllegalArgumentException(error);
    }
  }

  private static void readObject(JsonParser parser, Taker taker) throws IOException {
    String id = null;
    String reservationId = null;
    String sku = null;
    long units = 0;
    for (String field = parser.nextFieldName(); field != null; field = parser.nextFieldName()) {
      switch (field) {
        case "id" -> id = parser.nextTextValue();
        case "reservation_id" -> reservationId = parser.nextTextValue();
        case "sku" -> sku = parser.nextTextValue();
        case "units" -> units = parser.nextLongValue(0);
        default -> {
          parser.nextToken();
          parser.skipChildren();
        }
      }
    }
    taker.reserve(id, reservationId, sku, units);
  }

  /** Reads ["reserve", id, reservation_id, sku, units, ...] or ["sync", id, sku, location, on_hand, ...]. */
  private static void readArray(JsonParser parser, Taker taker) throws IOException {
    boolean isCount = parser.nextTextValue().equals("sync");
    String id = parser.nextTextValue();
    String second = parser.nextTextValue();
    String third = parser.nextTextValue();
    long number = parser.nextLongValue(0);
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      parser.skipChildren();
    }
    if (isCount) {
      taker.count(second, number);
    } else {
      taker.reserve(id, second, third, number);
    }
  }
}
