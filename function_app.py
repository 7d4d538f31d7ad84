"""The entry point of the Azure Functions app: registers the functions, and nothing else."""

import azure.functions as func

from shared.environment import load_settings
from shared.functions import catch_up, events, heal, health, prepare, sync

load_settings()  # a wrong setting stops the start, with one message that names it

app = func.FunctionApp()
for part in (events, sync, heal, catch_up, health):
    app.register_functions(part.blueprint)

prepare.begin()
