"""The local stand: stand-ins for the cloud services, on this machine only. Nothing of it is deployed."""
