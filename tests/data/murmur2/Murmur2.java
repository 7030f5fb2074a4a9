import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/** Prints keys with the Java client's hash and its default partition of 12: see vectors.txt. */
public class Murmur2 {
    public static void main(String[] arguments) {
        System.out.println("# Made by: java -cp \"$(tests/stack/jars kafka 4.1.0)/*\" tests/data/murmur2/Murmur2.java");
        System.out.println("# <key, hex> <Utils.murmur2> <BuiltInPartitioner.partitionForKey of 12 partitions>");
        for (String key : new String[] {"{\"pk\":1}", "{\"a\":\"x\",\"b\":2}", "{\"größe\":\"漢🎉\"}", "a", "ab", "abc", "abcd"}) {
            print(key.getBytes(StandardCharsets.UTF_8));
        }
        Random random = new Random(42);
        for (int length = 1; length <= 250; length++) {
            byte[] key = new byte[1 + length / 3];
            random.nextBytes(key);
            print(key);
        }
    }

    private static void print(byte[] key) {
        System.out.println(HexFormat.of().formatHex(key) + " " + Utils.murmur2(key) + " "
            + BuiltInPartitioner.partitionForKey(key, 12));
    }
}
