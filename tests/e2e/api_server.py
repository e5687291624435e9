"""Connections to the rig's API server."""
import http.client
import re
import ssl


def connector(path, patience):
    """Makes connections with the credentials of the rig's kubeconfig, which names files."""
    with open(path, encoding="utf-8") as file:
        text = file.read()

    def value(key):
        return re.search(rf'{key}: "([^"]+)"', text).group(1)

    context = ssl.create_default_context(cafile=value("certificate-authority"))
    context.load_cert_chain(value("client-certificate"), value("client-key"))
    host = value("server").removeprefix("https://")
    return lambda: http.client.HTTPSConnection(host, context=context, timeout=patience)
