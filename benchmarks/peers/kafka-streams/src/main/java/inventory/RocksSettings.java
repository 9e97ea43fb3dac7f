package inventory;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.Options;

/** Room for what a run writes: memtables large enough that compaction does not stall the one stream thread. */
public final class RocksSettings implements RocksDBConfigSetter {
  private static final long MEMTABLE_BYTES = 64L << 20;
  private static final int MEMTABLES = 4;

  @Override
  public void setConfig(String storeName, Options options, Map<String, Object> configs) {
    options.setWriteBufferSize(MEMTABLE_BYTES);
    options.setMaxWriteBufferNumber(MEMTABLES);
  }

  @Override
  public void close(String storeName, Options options) {}
}
