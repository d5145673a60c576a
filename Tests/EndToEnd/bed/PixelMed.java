import com.pixelmed.database.DatabaseInformationModel;
import com.pixelmed.database.PatientStudySeriesConcatenationInstanceModel;
import com.pixelmed.dicom.AttributeList;
import com.pixelmed.dicom.TagFromName;
import com.pixelmed.web.WadoServer;
import java.io.File;

/** Registers a folder's files with PixelMed's database, then runs its server. DATABASE FOLDER DICOM_PORT HTTP_PORT. */
public class PixelMed {
    public static void main(String[] arguments) throws Exception {
        String database = arguments[0];
        // Its storage SCP takes no compressed objects; its database knows no such limit.
        DatabaseInformationModel model = new PatientStudySeriesConcatenationInstanceModel(database);
        for (File file : new File(arguments[1]).listFiles()) {
            AttributeList attributes = new AttributeList();
            attributes.read(file, TagFromName.PixelData);
            model.insertObject(attributes, file.getPath(), DatabaseInformationModel.FILE_REFERENCED);
        }
        model.close();
        int dicomPort = Integer.parseInt(arguments[2]);
        int webPort = Integer.parseInt(arguments[3]);
        new Thread(new WadoServer(database, database + "-received", dicomPort, "PIXELMED", webPort)).start();
    }
}
