//! An authority and a node's certificate, made with Java's keytool.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

pub(crate) const STORE_PASSWORD: &str = "changeit";

/// Files of one authority.
pub(crate) struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Makes an authority of its own and a certificate for a node of this IP address.
    pub(crate) fn make(address: &str) -> Self {
        let made = Self { directory: tempfile::tempdir().unwrap() };
        let pair = ["-genkeypair", "-keyalg", "RSA", "-validity", "30"];
        made.keytool(&pair, "ca.p12", &["-alias", "ca", "-dname", "CN=authority", "-ext", "bc:c"]);
        made.keytool(&pair, "node.p12", &["-alias", "node", "-dname", "CN=node"]);
        made.keytool(&["-exportcert", "-rfc"], "ca.p12", &["-alias", "ca", "-file", &made.path("ca.pem")]);
        made.keytool(&["-certreq"], "node.p12", &["-alias", "node", "-file", &made.path("node.csr")]);
        let (request, signed) = (made.path("node.csr"), made.path("node.pem"));
        let name = format!("san=ip:{address}");
        made.keytool(
            &["-gencert", "-rfc", "-validity", "30"],
            "ca.p12",
            &["-alias", "ca", "-ext", &name, "-infile", &request, "-outfile", &signed],
        );
        for (alias, file) in [("ca", "ca.pem"), ("node", "node.pem")] {
            made.keytool(
                &["-importcert", "-noprompt"],
                "node.p12",
                &["-alias", alias, "-file", &made.path(file)],
            );
        }
        made
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Returns the node's key store (PKCS12).
    pub(crate) fn node_store(&self) -> PathBuf {
        self.directory.path().join("node.p12")
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn keytool(&self, command: &[&str], store: &str, arguments: &[&str]) {
        let java = super::node::stack("java", &["11"]);
        let keytool = Path::new(java.trim()).with_file_name("keytool");
        let output = Command::new(&keytool)
            .args(command)
            .args(["-keystore", &self.path(store), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD])
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", keytool.display()));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
