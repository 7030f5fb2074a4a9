import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.db.Keyspace;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.commitlog.CommitLog;
import org.apache.cassandra.db.commitlog.CommitLogDescriptor;
import org.apache.cassandra.db.commitlog.CommitLogReadHandler;
import org.apache.cassandra.db.commitlog.CommitLogReader;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.io.util.File;
import org.apache.cassandra.schema.Schema;

/**
 * Reads commit log segments with Cassandra's own reader and counts: what ringtap's speed is compared with.
 *
 * <p>{@code CountingReader SEGMENT…} reads all segments once for each line that comes on stdin, and prints one JSON line
 * of counts and seconds: so the same warm JVM can take turns with another reader. The handler looks at every row of every
 * mutation, so that nothing is left undecoded; it keeps nothing. The configuration and the schema are those of
 * {@code cassandra.config}, see the script {@code read}.
 */
public final class CountingReader {
    /** What one round saw. */
    private static final class Counts implements CommitLogReadHandler {
        long mutations;
        long mutationBytes;
        long updates;
        long rows;
        long errors;

        @Override
        public void handleMutation(Mutation mutation, int size, int position, CommitLogDescriptor descriptor) {
            mutations++;
            mutationBytes += size;
            for (PartitionUpdate update : mutation.getPartitionUpdates()) {
                updates++;
                for (Row row : update) {
                    if (row != null) rows++;
                }
            }
        }

        @Override
        public boolean shouldSkipSegmentOnError(CommitLogReadException error) {
            return report(error);
        }

        @Override
        public void handleUnrecoverableError(CommitLogReadException error) {
            report(error);
        }

        private boolean report(CommitLogReadException error) {
            errors++;
            System.err.println(error.reason + ": " + error.getMessage());
            return false;
        }
    }

    public static void main(String[] arguments) throws Exception {
        DatabaseDescriptor.daemonInitialization();
        CommitLog.instance.start(); // the mutations' deserializer asks it for its settings
        Keyspace.setInitialized();
        Schema.instance.loadFromDisk();

        List<File> segments = new ArrayList<>();
        long fileBytes = 0;
        for (String argument : arguments) {
            File segment = new File(Path.of(argument));
            segments.add(segment);
            fileBytes += segment.length();
        }
        BufferedReader turns = new BufferedReader(new InputStreamReader(System.in));
        while (turns.readLine() != null) {
            Counts counts = new Counts();
            long started = System.nanoTime();
            for (File segment : segments) {
                new CommitLogReader().readCommitLogSegment(counts, segment, CommitLogReader.ALL_MUTATIONS, true);
            }
            double seconds = (System.nanoTime() - started) / 1e9;
            System.out.printf(
                    Locale.ROOT,
                    "{\"file_bytes\":%d,\"mutation_bytes\":%d,\"mutations\":%d,\"updates\":%d,\"rows\":%d,\"errors\":%d,"
                            + "\"seconds\":%.4f}%n",
                    fileBytes, counts.mutationBytes, counts.mutations, counts.updates, counts.rows, counts.errors, seconds);
            System.out.flush();
        }
        Runtime.getRuntime().halt(0); // Cassandra's own threads would keep the JVM alive
    }

    private CountingReader() {}
}
