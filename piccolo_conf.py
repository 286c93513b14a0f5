"""Where Piccolo's own commands find the tables; the service itself never reads this file."""

from piccolo.conf.apps import AppRegistry

from service.adapters.database.engine import ENGINE

DB = ENGINE
APP_REGISTRY = AppRegistry(apps=["service.piccolo_app"])
