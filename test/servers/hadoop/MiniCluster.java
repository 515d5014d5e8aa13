import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;

/**
 * HDFS on loopback, below a directory: two name nodes, of which the first is active, and two data nodes. Prints the ports of
 * HTTP of the name nodes, and obeys lines: {@code stop N}, {@code active N}, {@code stopdata N}, and
 * {@code touch PATH} for an empty file.
 */
public class MiniCluster {
  public static void main(String[] args) throws Exception {
    Configuration conf = new HdfsConfiguration();
    conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, args[0]);
    conf.setInt("dfs.ls.limit", 100);
    conf.setInt("dfs.replication", 2);
    conf.setLong("dfs.blocksize", 4 << 20);
    // The one in standby is soon as far as the active one.
    conf.setInt("dfs.ha.tail-edits.period", 1);
    conf.setInt("dfs.ha.log-roll.period", 1);
    MiniDFSCluster cluster =
        new MiniDFSCluster.Builder(conf).nnTopology(MiniDFSNNTopology.simpleHATopology(2)).numDataNodes(2).build();
    cluster.waitActive();
    cluster.transitionToActive(0);
    System.out.println("ready " + port(cluster, 0) + " " + port(cluster, 1));
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      try {
        obey(cluster, line.split(" ")[0], line.split(" ")[1]);
        System.out.println("done " + line);
      } catch (Exception error) {
        System.out.println("failed " + line + ": " + error);
      }
    }
    // Who started it is gone.
    Runtime.getRuntime().halt(0);
  }

  private static void obey(MiniDFSCluster cluster, String command, String word) throws Exception {
    switch (command) {
      case "stop" -> cluster.shutdownNameNode(Integer.parseInt(word));
      case "stopdata" -> cluster.stopDataNode(Integer.parseInt(word));
      case "active" -> {
        int node = Integer.parseInt(word);
        if (cluster.isNameNodeUp(1 - node)) cluster.transitionToStandby(1 - node);
        cluster.transitionToActive(node);
      }
      case "touch" -> cluster.getFileSystem(0).create(new Path(URLDecoder.decode(word, StandardCharsets.UTF_8))).close();
      default -> throw new IllegalArgumentException(command);
    }
  }

  private static int port(MiniDFSCluster cluster, int node) {
    return cluster.getNameNode(node).getHttpAddress().getPort();
  }
}
